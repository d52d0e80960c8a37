-- A transaction of one row with a random int8 key.
\set k random(1, 9223372036854775000)
\set v random(0, 2147483647)
INSERT INTO @table@ VALUES (:k, :v);
