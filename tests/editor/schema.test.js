// The schemas are valid, and refuse what `tapline check` refuses, as far as a schema can see it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import Ajv from 'ajv'
import Ajv2020 from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { bad, good, schema } from './support.js'

const subjects = ['entry', 'pack', 'cases']
const drafts = [['2020-12', Ajv2020.default ?? Ajv2020], ['07', Ajv.default ?? Ajv]]

// Codes of problems that are none of shape, and why. A code that is not here is refused by the schema.
const invisible = {
  R101: 'not YAML at all: the reader of YAML says so',
  R102: 'a repeated key: the reader of YAML says so',
  R107: 'two rules share an id: no schema compares values of different elements',
  R108: 'the id of a rule in another file',
  R110: 'the name of a pack in another file',
  R111: 'the name of an option of the pack',
  R112: 'the type of an option of the pack',
  R201: 'the grammar of paths and templates',
  R202: 'the name of a value of the pack',
  R310: 'which pack is live: the same rules are fine in a preview',
  R401: 'two cases share a name: no schema compares values of different elements',
  R403: 'a file that can not be read',
  R501: 'what is wrong inside a script',
  R502: 'a script in another file',
  R503: 'what is wrong inside a script',
  R504: 'what is wrong inside a script',
  R505: 'what is wrong inside a script',
}

// Files of other codes in which the one thing that is wrong is beyond a schema.
const beyond = {
  'R104/number-as-a-key.yaml': 'keys are text in JSON',
  'R104/option-default.yaml': 'the default against the type beside it',
  'R104/tag.yaml': 'tags are gone before a schema looks',
  'R106/name-of-the-pack.yaml': 'the name of the file',
  'R404/reason-of-what-is-mapped.yaml': 'a reason against the outcome beside it',
}

for (const [draft, Validator] of drafts) {
  const validators = Object.fromEntries(
    subjects.map((subject) => [subject, new Validator({ allErrors: true, strict: true, strictTypes: false, strictRequired: false }).compile(schema(subject, draft))]),
  )

  test(`draft ${draft}: every schema is valid by its own meta-schema`, () => {
    for (const subject of subjects) {
      const validator = new Validator({ strict: false })
      assert.ok(validator.validateSchema(schema(subject, draft)), JSON.stringify(validator.errors))
    }
  })

  test(`draft ${draft}: everything that tapline takes is taken`, () => {
    const corpus = good()
    assert.ok(corpus.length > 20, `only ${corpus.length} files were found`)
    for (const { name, subject, text } of corpus) {
      const validate = validators[subject]
      assert.ok(validate(parse(text, { merge: true })), `${name}: ${JSON.stringify(validate.errors?.slice(0, 3))}`)
    }
  })

  test(`draft ${draft}: whatever is wrong in its shape is refused`, () => {
    const corpus = bad()
    assert.ok(corpus.length >= 18, `only ${corpus.length} files were found`)
    for (const { name, subject, code, text, entry } of corpus) {
      if (entry || code in invisible || Object.keys(beyond).some((file) => name.endsWith(file))) continue
      assert.ok(!validators[subject](parse(text)), `${name} is taken; if no schema can see ${code}, say why`)
    }
    const codes = new Set(corpus.map(({ code }) => code))
    assert.deepEqual(Object.keys(invisible).filter((code) => !codes.has(code)), [], 'codes without a case')
  })
}
