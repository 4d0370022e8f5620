// The vendor's validator of manifests, as a process: each line on stdin is a manifest as a JSON
// string, each line on stdout is the list of its errors.

const { mkdtempSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { dirname, join } = require('node:path');
const { createInterface } = require('node:readline');

// The package exports the validators only together, with checks of an app's files among them.
const part = (name) => require(join(dirname(require.resolve('@forge/manifest')), name));
const SCHEMA = part('schema/manifest-schema.json');
const { SchemaValidator, YamlValidator } = part('validators');
const { StorageValidator } = part('validators/storage-validator');

const validators = [new YamlValidator(), new SchemaValidator(SCHEMA), new StorageValidator()];
const filePath = join(mkdtempSync(join(tmpdir(), 'manifest-')), 'manifest.yml');

async function judge(text) {
  writeFileSync(filePath, text);
  let manifest = { filePath };
  for (const validator of validators) {
    const { success, errors, manifestObject } = await validator.validate(manifest);
    if (!success) return (errors ?? []).map((error) => error.message).concat('refused');
    manifest = manifestObject;
  }
  return [];
}

(async () => {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await judge(JSON.parse(line))) + '\n');
  }
})();
