// Holds a DuckDB database and answers statements, one line of JSON each.
//
//   node duckdb.mjs DIRECTORY-WITH-DuckDB DATABASE SOCKET
//
// Request: {"sql": ..., "params": [...], "prepare": true}. Answer: {"rows": [[...]]},
// {"changed": n} or {"error": ...}, and "seconds", the time it took in here. Integers that a
// JSON number cannot hold are {"big": "digits"}. Requests come on standard input and on any number
// of connections to the socket; each of them has its own DuckDB connection. Ends with standard
// input.

import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';

const [modules, database, socketPath] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(modules), 'x.js'));
const { DuckDBInstance, StatementType } = require('@duckdb/node-api');
const instance = await DuckDBInstance.create(database);

const isBig = (value) => value !== null && typeof value === 'object' && 'big' in value;

function bind(statement, params) {
  params.forEach((value, index) => {
    const n = index + 1;
    if (value === null) statement.bindNull(n);
    else if (isBig(value)) statement.bindBigInt(n, BigInt(value.big));
    else if (typeof value === 'string') statement.bindVarchar(n, value);
    else if (Number.isInteger(value)) statement.bindBigInt(n, BigInt(value));
    else statement.bindDouble(n, value);
  });
}

function plain(value) {
  if (value === null || typeof value !== 'object') {
    if (typeof value !== 'bigint') return value;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : { big: value.toString() };
  }
  const text = value.toString();
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

async function answer(session, request) {
  let statement = session.prepared.get(request.sql);
  if (!statement) {
    statement = await session.connection.prepare(request.sql);
    if (request.prepare) session.prepared.set(request.sql, statement);
  }
  try {
    bind(statement, request.params);
    const result = await statement.run();
    if (statement.statementType !== StatementType.SELECT) {
      return { changed: result.rowsChanged };
    }
    return { rows: (await result.getRows()).map((row) => row.map(plain)) };
  } finally {
    if (!request.prepare) statement.destroySync(); // or it holds its memory until collected
  }
}

async function timed(session, request) {
  const began = performance.now();
  const reply = await answer(session, request);
  return { ...reply, seconds: (performance.now() - began) / 1000 };
}

async function serve(input, output) {
  const session = { connection: await instance.connect(), prepared: new Map() };
  for await (const line of readline.createInterface({ input })) {
    let reply;
    try {
      reply = await timed(session, JSON.parse(line));
    } catch (error) {
      reply = { error: String(error.message ?? error) };
    }
    output.write(`${JSON.stringify(reply)}\n`);
  }
  session.connection.closeSync();
}

net.createServer((stream) => {
  stream.on('error', () => stream.destroy());
  serve(stream, stream).catch(() => stream.destroy());
}).listen(socketPath, () => process.stdout.write('ready\n'));

await serve(process.stdin, process.stdout);
process.exit(0);
