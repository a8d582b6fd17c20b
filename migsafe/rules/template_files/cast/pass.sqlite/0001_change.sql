CREATE TABLE @table|note@_new (id INTEGER PRIMARY KEY, @column|rank@ INTEGER);
INSERT INTO @table|note@_new (id, @column|rank@)
  SELECT id, CASE WHEN @column|rank@ GLOB '[0-9]*' AND @column|rank@ NOT GLOB '*[^0-9]*' THEN @column|rank@ + 0 END FROM @table|note@;
DROP TABLE @table|note@;
ALTER TABLE @table|note@_new RENAME TO @table|note@;
