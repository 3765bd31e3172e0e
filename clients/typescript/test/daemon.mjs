// An ashd of a test's own, with simulated sandboxes; it can be killed and started again.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const KEY = "ash_client-test-key";
const PATIENCE_MILLISECONDS = 60_000;

export class Daemon {
  folder = mkdtempSync(join(tmpdir(), "ash-typescript."));
  configuration = join(this.folder, "ash.toml");

  // With a configuration of its own, in TOML.
  static async start(configuration = "") {
    const daemon = new Daemon();
    writeFileSync(daemon.configuration, configuration);
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    daemon.port = probe.address().port;
    await new Promise((closed) => probe.close(closed));
    daemon.url = `http://127.0.0.1:${daemon.port}`;
    await daemon.serve();
    return daemon;
  }

  async serve() {
    this.program = spawn(join(process.env.ASH_TEST_BIN, "ashd"), ["--config", this.configuration, "--simulate"], {
      env: {
        ASH_DATA_DIR: join(this.folder, "data"),
        ASH_RUNTIME_DIR: join(this.folder, "run"),
        ASH_PORT: String(this.port),
        ASH_API_KEY: KEY,
      },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    const end = setTimeout(() => this.program.kill("SIGKILL"), PATIENCE_MILLISECONDS);
    for await (const chunk of this.program.stderr) {
      said += chunk;
      if (said.includes(" serves on ")) break;
    }
    clearTimeout(end);
    if (!said.includes(" serves on ")) throw new Error(`ashd did not start: ${said}`);
  }

  async kill() {
    const left = once(this.program, "exit");
    this.program.kill("SIGKILL");
    await left;
  }

  async stop() {
    await this.kill();
    rmSync(this.folder, { recursive: true });
  }
}
