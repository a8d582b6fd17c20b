CREATE TABLE @table|note@_new (id INTEGER PRIMARY KEY, @column|rank@ INTEGER);
INSERT INTO @table|note@_new (id, @column|rank@) SELECT id, @column|rank@ FROM @table|note@; -- expect: @hazard@
DROP TABLE @table|note@;
ALTER TABLE @table|note@_new RENAME TO @table|note@;
