/* replay.h - evald-runner --replay: plays tapes to a plugin, without daemon or network.
 *
 *     evald-runner --replay FILE.so TAPE.jsonl...
 *
 * FILE.so is - where no line of the tapes needs a plugin.  A tape is a JSONL file; each line is
 * a case, or the defaults of the lines below it:
 *
 *     {"plugin":"acme::judge"}
 *     {"name":"a grade is read","row":{"generated_answer":"4"},"params":{"scale":10},
 *      "asks":[{"kind":"model","to":"judge","body":{"kind":"chat"},
 *               "reply":{"body":{"message":{"role":"assistant","content":"Grade: 7"}}}}],
 *      "expect":{"score":0.7}}
 *
 * A line without "expect", "expect_json" and "like" sets defaults: "plugin" (needed where the
 * file has several), "params", "row" and "request" hold until the next such line.  A case has
 *
 *   name      of the test; else "line N"
 *   plugin    id of the plugin
 *   params    as a client gives them; else the plugin's params_default.  Checked and filled
 *             in by the schema.  Of a model: the entry's params; "id" and "name" are added
 *   row       the columns that the plugin declares come from here; of scorers, agents and
 *             sources it is also row->json.  A required column that is not there is bad_row
 *   request   models only: the request document, row->json.  Without "row" all columns are
 *             ABSENT, as when a judge or an agent asks
 *   seed, epoch, index   of the row; 0
 *   max_attempts   starts allowed for EVALD_E_RETRY, 1: so that it ends as "remote"
 *   asks      what the plugin must ask, in this order, and nothing else:
 *               kind        "model", "http" or "sleep"
 *               to          the role, model or path; not compared when missing
 *               body, head  must be part of what was sent: members of objects may be more,
 *                           everything else is equal.  A string is compared as bytes
 *               without     JSON pointers of which nothing may be in the body
 *               prompt_has  columns of the row whose text is in the messages of the body:
 *                           a string itself, anything else as Python's json.dumps writes it
 *               schema_required   members that the body's one tool requires, all and in any
 *                           order
 *               timeout_ms  as asked for
 *               reply       {"status":"ok","http_status":200,"head":{},"body":...}: a status
 *                           is "ok" or a code as below; a body that is a string is sent as
 *                           its text, anything else as JSON
 *   asks_open true: the asks may be made in any order, each once, and not all of them
 *   scored    score rows: aggregate() is called on them in place of the row.  An element with
 *             "score_row" is the whole line that the plugin reads, another is a score row
 *   aggregations   names: these aggregations of evald over "scored", without a plugin
 *   like      a row: both rows give the same, and neither fails; in place of "expect".  With
 *             "expect":{"error":CODE} both may also fail, with that code
 *   expect    the fields emitted, compared as jsame.h says (of aggregations what they give); or
 *             {"error":CODE,"message_has":TEXT,"fields":{...}} where CODE is bad_row, remote,
 *             timeout, plugin, config, or caller for bad_row or config, and both others are
 *             optional
 *   expect_json   of aggregations: the text of the result as Python's json.dumps writes it
 *
 * What open() or the schema refuses is "config".  Prints TAP on standard output, a line of
 * reason under each failure. */
#ifndef EVALD_REPLAY_H
#define EVALD_REPLAY_H

/* argv[0], then FILE.so and tapes (a "--replay" before them is passed over).  The exit
 * status: 0 when all is as the tapes say, 1 when not, when the file is refused, or when there
 * is no case at all, 2 for wrong arguments. */
int replay_main(int argc, char **argv);

#endif
