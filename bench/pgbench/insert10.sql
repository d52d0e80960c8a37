-- A transaction of ten rows in one statement. Keys come from the feed table.
\set n :n + 1
\set lo 1 + (:base + (:n * :clients + :client_id) * 10) % (:feed - 10)
\set hi :lo + 9
INSERT INTO @table@ SELECT k, v FROM feed WHERE id BETWEEN :lo AND :hi;
