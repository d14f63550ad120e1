// Bundles src/ into ../web-xr/vendor: everything the page loads, from this origin alone.
import { build } from "esbuild";
import { copyFile, mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const vendor = join(here, "../web-xr/vendor");
// Built aside and renamed at the end: a build that fails leaves the last good bundle alone.
const partial = join(here, "node_modules/.vendor");

await rm(partial, { recursive: true, force: true });
const result = await build({
  absWorkingDir: here,
  // Each entry is one file that the page loads when it needs it, and keeps its name between builds.
  entryPoints: {
    app: "src/main.ts",
    scene: "src/scene/view.ts",
    session: "src/session.ts",
    emulator: "src/xr/emulator.ts",
  },
  outdir: partial,
  bundle: true,
  splitting: true,
  chunkNames: "shared-[hash]",
  format: "esm",
  target: ["es2022"],
  minify: true,
  sourcemap: process.argv.includes("--sourcemap"),
  legalComments: "linked",
  metafile: true,
  logLevel: "warning",
});
await mkdir(join(partial, "fonts"));
await copyFile(
  join(here, "node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2"),
  join(partial, "fonts/inter.woff2"),
);
await rm(vendor, { recursive: true, force: true });
await rename(partial, vendor);

for (const name of Object.keys(result.metafile.outputs).filter((path) => path.endsWith(".js"))) {
  const file = name.slice(name.lastIndexOf("/") + 1);
  const { size } = await stat(join(vendor, file));
  console.error(`web-xr/vendor/${file.padEnd(22)} ${(size / 1024).toFixed(0).padStart(5)} KiB`);
}
