// Writes the US flights of npm's vega-datasets as CSV.
//
//   node bench/flights.mjs DIRECTORY-WITH-node_modules OUTPUT.csv
//
// Columns: flown (time stamp), delay (minutes), distance (miles), origin,
// destination. DuckDB reads the Parquet file and writes the CSV.

import { createRequire } from 'node:module';
import path from 'node:path';

const [directory, output] = process.argv.slice(2);
if (!output) {
  console.error('usage: node flights.mjs DIRECTORY-WITH-node_modules OUTPUT.csv');
  process.exit(2);
}
const modules = path.resolve(directory, 'node_modules');
const { DuckDBInstance } = createRequire(path.join(modules, 'x.js'))('@duckdb/node-api');
const parquet = path.join(modules, 'vega-datasets', 'data', 'flights-3m.parquet');
const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

const instance = await DuckDBInstance.create(':memory:');
const connection = await instance.connect();
await connection.run(`COPY (SELECT date, delay, distance, origin, destination
  FROM ${quoted(parquet)}) TO ${quoted(path.resolve(output))} (FORMAT csv, HEADER false)`);
