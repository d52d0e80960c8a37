-- A point look-up of an existing event by its random key.
\set n random(1, :probes)
SELECT e.device, e.ts, e.value FROM probe p JOIN @table@ e ON e.key = p.key WHERE p.n = :n;
