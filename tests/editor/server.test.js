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

// Files of which the editor says nothing, or says it of another line, and why.
const elsewhere = {
  'R101/merge-of-text.yaml': 'the editor lets text be merged',
  'R101/quote-left-open.yaml': 'the editor names the end of the file, tapline the quote that was opened',
  'R101/two-documents.yaml': 'to the editor a second document is none of the first',
  'R104/alias-of-another-type.yaml': 'the editor names the anchor, tapline the alias',
  'R104/block-text-as-a-condition.yaml': 'the editor names the key, tapline the text below it',
  'R104/nothing-but-a-comment.yaml': 'the editor says nothing of an empty file',
  'R104/number-as-a-key.yaml': 'keys are text in JSON',
  'R104/option-default.yaml': 'the default against the type beside it',
  'R105/event-without-name.yaml': 'the editor names the key, tapline the mapping below it',
  'R106/name-of-the-pack.yaml': 'the name of the file',
  'R301/require-without-records.yaml': 'the editor names the rule, tapline the key in it',
  'R404/reason-of-what-is-mapped.yaml': 'a reason against the outcome beside it',
}

test('something is said of every file whose shape tapline refuses, where tapline says it', async () => {
  const off = []
  const shape = ['R101', 'R102', 'R103', 'R104', 'R105', 'R106', 'R301', 'R402', 'R404']
  for (const { name, subject, code, text, lines } of bad().filter(({ code, entry }) => !entry && shape.includes(code))) {
    const { diagnostics } = await open(subject, text)
    // The line that names the schema stands above the others, and lines are counted from 0.
    const said = diagnostics.map(({ range }) => range.start.line)
    if (!said.some((line) => lines.includes(line))) off.push(`${name}: lines ${said} instead of ${lines}`)
  }
  const isKnown = (what) => Object.keys(elsewhere).some((file) => what.split(':')[0].endsWith(file))
  assert.deepEqual(off.filter((what) => !isKnown(what)), [])
  assert.equal(off.length, Object.keys(elsewhere).length, `what is listed and agrees by now is to be taken out: ${off}`)
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
