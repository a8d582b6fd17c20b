-- migsafe: allow rows-lost reason="the second of two equal rows holds nothing else"
DELETE FROM @table|note@ WHERE @column|label@ IS NOT NULL
  AND id NOT IN (SELECT min(id) FROM @table|note@ GROUP BY @column|label@);
CREATE UNIQUE INDEX @table|note@_@column|label@_unique ON @table|note@ (@column|label@);
