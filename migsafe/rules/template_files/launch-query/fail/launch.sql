SELECT n.id, n.@column|body@ FROM @table|note@ AS n; -- expect: @hazard@
