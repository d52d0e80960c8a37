-- A transaction of ten new events, in one statement.
\set d0 random(1, 1000)
\set k0 random(1, 9223372036854775000)
\set d1 random(1, 1000)
\set k1 random(1, 9223372036854775000)
\set d2 random(1, 1000)
\set k2 random(1, 9223372036854775000)
\set d3 random(1, 1000)
\set k3 random(1, 9223372036854775000)
\set d4 random(1, 1000)
\set k4 random(1, 9223372036854775000)
\set d5 random(1, 1000)
\set k5 random(1, 9223372036854775000)
\set d6 random(1, 1000)
\set k6 random(1, 9223372036854775000)
\set d7 random(1, 1000)
\set k7 random(1, 9223372036854775000)
\set d8 random(1, 1000)
\set k8 random(1, 9223372036854775000)
\set d9 random(1, 1000)
\set k9 random(1, 9223372036854775000)
INSERT INTO @table@ VALUES
    (gen_random_uuid(), :d0, now(), :k0, 20.5),
    (gen_random_uuid(), :d1, now(), :k1, 20.5),
    (gen_random_uuid(), :d2, now(), :k2, 20.5),
    (gen_random_uuid(), :d3, now(), :k3, 20.5),
    (gen_random_uuid(), :d4, now(), :k4, 20.5),
    (gen_random_uuid(), :d5, now(), :k5, 20.5),
    (gen_random_uuid(), :d6, now(), :k6, 20.5),
    (gen_random_uuid(), :d7, now(), :k7, 20.5),
    (gen_random_uuid(), :d8, now(), :k8, 20.5),
    (gen_random_uuid(), :d9, now(), :k9, 20.5);
