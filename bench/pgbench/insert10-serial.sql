-- A transaction of ten rows with the next keys of a dense series, in one statement.
\set n :n + 1
\set k0 :first + :base + (:n * :clients + :client_id) * 10
\set k1 :k0 + 1
\set k2 :k0 + 2
\set k3 :k0 + 3
\set k4 :k0 + 4
\set k5 :k0 + 5
\set k6 :k0 + 6
\set k7 :k0 + 7
\set k8 :k0 + 8
\set k9 :k0 + 9
\set v random(0, 2147483647)
INSERT INTO @table@ VALUES (:k0, :v), (:k1, :v), (:k2, :v), (:k3, :v), (:k4, :v),
    (:k5, :v), (:k6, :v), (:k7, :v), (:k8, :v), (:k9, :v);
