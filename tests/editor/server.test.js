// What an editor shows: the real yaml-language-server, led to the shipped schemas by a file's first line.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { bad, good, Server } from './support.js'

let server
before(async () => (server = await Server.start()))
after(() => server.stop())

let opened = 0
// A place in rules/ that no file stands at; the schemas beside it are the shipped ones.
const place = (subject) => `rules/unsaved-${opened++}-${subject}.yaml`
const line = (subject) => `# yaml-language-server: $schema=schema/${subject}.json\n`
const open = (subject, text) => server.open(place(subject), line(subject) + text.replace(/^# yaml-language-server:.*\n/, ''))

test('a shipped file is led to its schema by its own first line, and nothing is said of it', async () => {
  for (const { name, text } of good().filter(({ name }) => name.startsWith('rules/') && name.endsWith('.yaml'))) {
    const { diagnostics } = await server.open(name, text)
    assert.deepEqual(diagnostics.map(({ message }) => message), [], name)
    const broken = await server.open(name.replace('.yaml', '-broken.yaml'), text.replace('version: 1', 'version: one'))
    assert.notEqual(broken.diagnostics.length, 0, `${name} is not led to a schema`)
  }
})

test('nothing is said of any file that tapline takes', async () => {
  for (const { name, subject, text } of good()) {
    const { diagnostics } = await open(subject, text)
    assert.deepEqual(diagnostics.map(({ message }) => message), [], name)
  }
})

test('something is said of every file whose shape tapline refuses, where tapline says it', async () => {
  const shape = ['R101', 'R102', 'R103', 'R104', 'R105', 'R106', 'R301', 'R402', 'R404']
  for (const { name, subject, code, text, lines } of bad().filter(({ code, entry, name }) => !entry && shape.includes(code) && !name.endsWith('merge-of-text.yaml'))) {
    const { diagnostics } = await open(subject, text)
    // The line that names the schema stands above the others, and lines are counted from 0.
    const said = diagnostics.map(({ range }) => range.start.line)
    assert.ok(said.some((line) => lines.includes(line)), `${name} (${code}): lines ${said} instead of ${lines}`)
  }
})

const rule = `version: 1
pack: house
rules:
  - id: a
    when: { type: track }
    filter: { code: x, message: y }
`

test('a key explains itself', async () => {
  const { uri } = await open('pack', rule)
  const hover = await server.ask('textDocument/hover', { textDocument: { uri }, position: { line: 5, character: 5 } })
  const text = hover.contents.value ?? hover.contents
  assert.match(text, /When it applies/, JSON.stringify(hover))
})

test('keys and words are offered', async () => {
  const labels = async (text, position) => {
    const { uri } = await open('pack', text)
    const offered = await server.ask('textDocument/completion', { textDocument: { uri }, position })
    return (offered.items ?? offered).map(({ label }) => label)
  }
  const keys = await labels(`${rule}    \n`, { line: 7, character: 4 })
  assert.ok(['emit', 'fail'].every((key) => keys.includes(key)), keys.join(' '))
  const record = `version: 1\npack: house\nrules:\n  - id: a\n    emit:\n      - event:\n          address: []\n          name: event\n          data:\n            "*":\n              rest: properties\n              keys: \n`
  const words = await labels(record, { line: 12, character: 20 })
  assert.ok(['snake_case', 'preserve'].every((word) => words.includes(word)), words.join(' '))
})
