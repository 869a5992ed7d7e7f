# Does a value fit a schema of openapi.json?  All keywords that the document uses.
def target($doc):
    if has("$ref") then ."$ref" | ltrimstr("#/") | split("/") as $p | $doc | getpath($p) | target($doc)
    else . end;

# What is wrong with the input, a line each.
def wrong($doc; $schema; $at):
    . as $v | ($schema | target($doc)) as $s
    | (if $s.type and ($v | type) != $s.type
          and ($s.type != "integer" or ($v | type) != "number" or $v != ($v | floor))
       then "\($at): \($v | tojson) is no \($s.type)" else empty end),
      (if ($s | has("const")) and $v != $s.const then "\($at): not \($s.const)" else empty end),
      (if $s.enum and all($s.enum[]; . != $v) then "\($at): \($v | tojson) is none of \($s.enum)" else empty end),
      (if $s | has("minimum") and ($v | type) == "number" and $v < $s.minimum
       then "\($at): below \($s.minimum)" else empty end),
      (if $s.anyOf and all($s.anyOf[]; . as $o | [$v | wrong($doc; $o; $at)] | length > 0)
       then "\($at): \($v | tojson) fits none" else empty end),
      (if $s.oneOf and ([$s.oneOf[] | . as $o | select([$v | wrong($doc; $o; $at)] | length == 0)] | length) != 1
       then "\($at): \($v | tojson) does not fit one" else empty end),
      (if ($v | type) == "object" then
           (($s.required // [])[] | . as $k | select($v | has($k) | not) | "\($at).\($k): missing"),
           ($v | keys_unsorted[] | . as $k
            | (($s.properties // {})[$k] // $s.additionalProperties) as $of
            | select($of) | $v[$k] | wrong($doc; $of; "\($at).\($k)"))
       elif ($v | type) == "array" then
           (select(($s.minItems // 0) > ($v | length)) | "\($at): too short"),
           (select($s.maxItems and $s.maxItems < ($v | length)) | "\($at): too long"),
           (select($s.items) | range($v | length) | . as $i | $v[$i] | wrong($doc; $s.items; "\($at).\($i)"))
       else empty end);

# Of an answer to METHOD at the template PATH with STATUS.
def wrong_answer($doc; $method; $path; $status):
    ($doc.paths[$path][$method].responses[$status] // ("not described" | halt_error)
     | target($doc) | .content["application/json"].schema) as $schema
    | wrong($doc; $schema; "");
