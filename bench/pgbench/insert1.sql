-- A transaction of one row. Keys come from the feed table, in its order.
\set n :n + 1
\set id 1 + (:base + :n * :clients + :client_id) % :feed
INSERT INTO @table@ SELECT k, v FROM feed WHERE id = :id;
