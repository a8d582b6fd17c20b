CREATE TABLE @table|note@_new (id INTEGER PRIMARY KEY, folder_id INTEGER);
INSERT INTO @table|note@_new (id, folder_id) SELECT n.id, n.folder_id FROM @table|note@ n JOIN folder f ON f.id = n.folder_id; -- expect: @hazard@
DROP TABLE @table|note@;
ALTER TABLE @table|note@_new RENAME TO @table|note@;
