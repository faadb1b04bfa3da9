// Rule files as test data, and the language server that editors run.

import { spawn, execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const binary = process.env.TAPLINE_BIN ?? join(root, 'target/release/tapline')

export const schema = (subject, draft) =>
  JSON.parse(execFileSync(binary, ['schema', '--for', subject, '--draft', draft], { encoding: 'utf8' }))

const files = (directory) =>
  readdirSync(directory).flatMap((name) => {
    const path = join(directory, name)
    return statSync(path).isDirectory() ? files(path) : [path]
  })

const file = (subject, path) => ({ name: relative(root, path), subject, text: readFileSync(path, 'utf8') })

// Everything that `tapline check` and `tapline test` take: shipped files, the starter, golden packs, and the page's examples.
export function good() {
  const rules = files(join(root, 'rules')).filter((path) => path.endsWith('.yaml'))
  const subject = (path) => (path.includes('/packs/') ? 'pack' : path.includes('/tests/') ? 'cases' : 'entry')
  const starter = join(root, 'src/cli/init')
  const found = [
    ...rules.map((path) => file(subject(relative(root, path)), path)),
    file('entry', join(starter, 'tapline.yaml')),
    file('cases', join(starter, 'local.yaml')),
  ]
  for (const path of files(join(root, 'tests/golden/language'))) {
    const { name, text } = file('pack', path)
    const [pack, ...others] = text.split('\n---\n')[0].split('\n--- ')
    found.push({ name, subject: 'pack', text: pack })
    const entry = others.find((part) => part.startsWith('tapline.yaml\n'))
    if (entry) found.push({ name: `${name} (entry)`, subject: 'entry', text: entry.replace('tapline.yaml\n', '') })
  }
  const page = readFileSync(join(root, 'rules/README.md'), 'utf8')
  for (const [, kind, text] of page.matchAll(/\n```(yaml rules|yaml tests|yaml)\n(.*?)\n```/gs)) {
    const name = `rules/README.md, ${text.split('\n')[0]}`
    const indented = text.replace(/^/gm, '  ')
    if (kind === 'yaml rules') found.push({ name, subject: 'pack', text: `version: 1\npack: page\nrules:\n${indented}\n` })
    else found.push({ name, subject: kind === 'yaml' ? 'entry' : 'cases', text })
  }
  return found
}

// Every case of tests/golden/diagnostics, with its code: that of its directory.
export function bad() {
  const corpus = join(root, 'tests/golden/diagnostics')
  return files(corpus)
    // Lints are beyond a schema, and so is what comments at a file's head say of other files.
    .filter((path) => path.endsWith('.yaml') && !/\/R6\d\d\//.test(path))
    .map((path) => {
      const { name, text } = file('', path)
      const said = readFileSync(path.replace(/yaml$/, 'txt'), 'utf8')
      const lines = [...said.matchAll(/--> \S+:(\d+):\d+/g)].map(([, line]) => Number(line))
      return { name, text, lines, entry: /^# entry:/m.test(text), code: relative(corpus, path).split('/')[0], subject: /^cases:/m.test(text) ? 'cases' : 'pack' }
    })
}

// The language server over its standard streams, with one schema for each kind of file.
export class Server {
  #process = spawn(process.execPath, [join(root, 'tests/editor/node_modules/yaml-language-server/bin/yaml-language-server'), '--stdio'])
  #next = 1
  #answers = new Map()
  #told = new Map()
  #buffer = Buffer.alloc(0)

  static async start() {
    const server = new Server()
    server.#process.stdout.on('data', (bytes) => server.#read(bytes))
    createInterface({ input: server.#process.stderr }).on('line', (line) => console.error(line))
    await server.ask('initialize', { processId: process.pid, rootUri: pathToFileURL(root).href, capabilities: {} })
    server.tell('initialized', {})
    const yaml = { validate: true, hover: true, completion: true, schemaStore: { enable: false } }
    server.tell('workspace/didChangeConfiguration', { settings: { yaml, http: {} } })
    return server
  }

  stop() {
    this.#process.kill()
  }

  // Opens a text as a file of this directory, so that its first line leads to the schema, and gives what is said of it.
  async open(path, text) {
    const uri = pathToFileURL(join(root, path)).href
    const said = new Promise((resolve) => this.#told.set(uri, resolve))
    this.tell('textDocument/didOpen', { textDocument: { uri, languageId: 'yaml', version: 1, text } })
    return { uri, diagnostics: await said }
  }

  ask(method, params) {
    const id = this.#next++
    this.#send({ id, method, params })
    return new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject }))
  }

  tell(method, params) {
    this.#send({ method, params })
  }

  #send(message) {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message })
    this.#process.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  }

  #read(bytes) {
    this.#buffer = Buffer.concat([this.#buffer, bytes])
    for (;;) {
      const end = this.#buffer.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(/Content-Length: (\d+)/i.exec(this.#buffer.subarray(0, end).toString())[1])
      if (this.#buffer.length < end + 4 + length) return
      const message = JSON.parse(this.#buffer.subarray(end + 4, end + 4 + length).toString())
      this.#buffer = this.#buffer.subarray(end + 4 + length)
      this.#take(message)
    }
  }

  #take({ id, method, params, result, error }) {
    if (method === 'textDocument/publishDiagnostics') {
      this.#told.get(params.uri)?.(params.diagnostics)
    } else if (method === 'workspace/configuration') {
      this.#send({ id, result: params.items.map(() => null) })
    } else if (method && id !== undefined) {
      this.#send({ id, result: null })
    } else if (id !== undefined) {
      const answer = this.#answers.get(id)
      error ? answer.reject(new Error(error.message)) : answer.resolve(result)
    }
  }
}
