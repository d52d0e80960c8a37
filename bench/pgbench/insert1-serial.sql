-- A transaction of one row with the next key of a dense series.
\set n :n + 1
\set k :first + :base + :n * :clients + :client_id
\set v random(0, 2147483647)
INSERT INTO @table@ VALUES (:k, :v);
