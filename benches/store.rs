//! How long a caller waits for the store: `cargo bench --features testing --bench store`.

fn main() {
    ash::store_measure_main();
}
