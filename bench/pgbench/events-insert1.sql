-- A transaction of one new event.
\set device random(1, 1000)
\set key random(1, 9223372036854775000)
INSERT INTO @table@ VALUES (gen_random_uuid(), :device, now(), :key, 20.5);
