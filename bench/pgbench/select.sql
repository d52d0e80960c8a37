-- A point look-up of an existing key, chosen through a small table of keys.
\set id random(1, :probes)
SELECT t.v FROM probe p JOIN @table@ t ON t.k = p.k WHERE p.id = :id;
