// Writes src/openapi.ts (the types) and src/operations.ts (method and path of each operation) from
// docs/openapi.json. With --check it compares and writes nothing.
import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const source = new URL("../../docs/openapi.json", import.meta.url);
const note = "// Made from docs/openapi.json by `npm run generate`. Do not change it here.\n\n";
const document = JSON.parse(readFileSync(source, "utf8"));

const operations = {};
for (const [path, item] of Object.entries(document.paths)) {
  for (const [method, operation] of Object.entries(item)) {
    const names = (operation.parameters ?? []).map((parameter) => parameter.name);
    operations[operation.operationId] = {
      method: method.toUpperCase(),
      path,
      // A request with a key of its own may be sent again.
      ...(names.includes("Idempotency-Key") ? { idempotent: true } : {}),
    };
  }
}
const table = Object.entries(operations).sort(([a], [b]) => (a < b ? -1 : 1));
const lines = table.map(([name, about]) => `  ${name}: ${JSON.stringify(about)},`);
const files = {
  "src/openapi.ts": note + astToString(await openapiTS(document, { defaultNonNullable: false })),
  "src/operations.ts": `${note}export const OPERATIONS = {\n${lines.join("\n")}\n} as const;\n`,
};
for (const [name, text] of Object.entries(files)) {
  const file = new URL(name, import.meta.url);
  if (!process.argv.includes("--check")) {
    writeFileSync(file, text);
  } else if (readFileSync(file, "utf8") !== text) {
    console.error(`clients/typescript/${name} is stale: npm run generate, and commit it`);
    process.exitCode = 1;
  }
}
