//! Plots of tables: bars of p50, p95 and p99 on a scale of powers of ten, as SVG without anything else.
//! Written where `ASH_BENCH_CHARTS` names a folder.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::figures::percentile;

/// Pixels: the whole, the names at its left, a bar, and the gap behind three of them.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 250.0;
const BAR: f64 = 9.0;
const GAP: f64 = 12.0;

/// Pixels above the bars, for the title and the scale.
const TOP: f64 = 50.0;

/// Of p50, p95 and p99, readable on white and on black.
const COLORS: [(&str, usize, &str); 3] =
    [("p50", 50, "#2b7de0"), ("p95", 95, "#e08a2b"), ("p99", 99, "#c0392b")];

/// Writes `name.svg` with these rows.
pub(crate) fn write(name: &str, title: &str, rows: &[(&str, &[Duration])]) {
    let Some(folder) = std::env::var_os("ASH_BENCH_CHARTS") else { return };
    std::fs::create_dir_all(&folder).expect("the folder of ASH_BENCH_CHARTS can be made");
    let path = Path::new(&folder).join(format!("{name}.svg"));
    std::fs::write(&path, svg(title, rows)).expect("the folder of ASH_BENCH_CHARTS is writable");
    println!("  -> {}", path.display());
}

fn svg(title: &str, rows: &[(&str, &[Duration])]) -> String {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1_000.0;
    let values: Vec<[f64; 3]> = rows
        .iter()
        .map(|(_, times)| {
            COLORS.map(|(_, percent, _)| milliseconds(percentile(times.to_vec(), percent)))
        })
        .collect();
    let all = || values.iter().flatten().copied().filter(|value| *value > 0.0);
    let least = all().fold(f64::MAX, f64::min).log10().floor();
    let most = all().fold(f64::MIN, f64::max).log10().ceil().max(least + 1.0);
    let x = |value: f64| {
        LEFT + (value.max(10_f64.powf(least)).log10() - least) / (most - least)
            * (WIDTH - LEFT - 20.0)
    };
    let height = TOP + (3.0 * BAR + GAP) * f64::from(u32::try_from(rows.len()).unwrap_or(0)) + 20.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"#777\">\n\
         <text x=\"10\" y=\"18\" font-size=\"14\">{title} (ms)</text>\n"
    );
    let mut say = |line: std::fmt::Arguments<'_>| writeln!(svg, "{line}").expect("memory takes it");
    for (place, (name, _, color)) in (0_u32..).zip(COLORS) {
        let at = LEFT + 60.0 * f64::from(place);
        say(format_args!("<text x=\"{at}\" y=\"34\" fill=\"{color}\">{name}</text>"));
    }
    let mut power = least;
    while power <= most {
        let (at, value) = (x(10_f64.powf(power)), 10_f64.powf(power));
        say(format_args!(
            "<path d=\"M{at:.1} {TOP}V{:.1}\" stroke=\"#777\" stroke-opacity=\"0.35\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{value}</text>",
            height - 18.0,
            height - 5.0
        ));
        power += 1.0;
    }
    let mut y = TOP;
    for ((name, times), values) in rows.iter().zip(&values) {
        say(format_args!(
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{name} (n = {})</text>",
            LEFT - 8.0,
            y + 2.0 * BAR,
            times.len()
        ));
        for ((_, _, color), value) in COLORS.iter().zip(values) {
            let width = x(*value) - LEFT;
            say(format_args!(
                "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{color}\"/>"
            ));
            y += BAR;
        }
        y += GAP;
    }
    svg.push_str("</svg>\n");
    svg
}
