// Runs one folder of tests: bundles its *.test.ts for Node and hands them to Node's own test runner.
import { build } from "esbuild";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const suite = process.argv[2] ?? "unit";
const folder = join(here, suite);
const files = (await readdir(folder)).filter((name) => name.endsWith(".test.ts"));
// Inside node_modules, so that the bundled tests still find their packages.
const out = await mkdtemp(join(here, "../node_modules/.tests-"));

await build({
  entryPoints: files.map((name) => join(folder, name)),
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  packages: "external",
  sourcemap: "inline",
  logLevel: "warning",
});
const node = spawn(
  process.execPath,
  ["--enable-source-maps", "--test", ...process.argv.slice(3), ...files.map((name) => join(out, name.replace(/\.ts$/, ".mjs")))],
  { stdio: "inherit", cwd: join(here, "..") },
);
node.on("exit", async (code) => {
  await rm(out, { recursive: true, force: true });
  process.exitCode = code ?? 1;
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => node.kill(signal));
