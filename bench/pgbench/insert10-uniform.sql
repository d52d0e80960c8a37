-- A transaction of ten rows with random int8 keys, in one statement.
\set k0 random(1, 9223372036854775000)
\set k1 random(1, 9223372036854775000)
\set k2 random(1, 9223372036854775000)
\set k3 random(1, 9223372036854775000)
\set k4 random(1, 9223372036854775000)
\set k5 random(1, 9223372036854775000)
\set k6 random(1, 9223372036854775000)
\set k7 random(1, 9223372036854775000)
\set k8 random(1, 9223372036854775000)
\set k9 random(1, 9223372036854775000)
\set v random(0, 2147483647)
INSERT INTO @table@ VALUES (:k0, :v), (:k1, :v), (:k2, :v), (:k3, :v), (:k4, :v),
    (:k5, :v), (:k6, :v), (:k7, :v), (:k8, :v), (:k9, :v);
