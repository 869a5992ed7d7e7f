# Every plugin is built beside the others, in plugins/.libs, so that one directory holds all
# of them before they are installed too.
include %D%/lib/local.mk
include %D%/basic/local.mk
include %D%/ifeval/language.mk
include %D%/baseline/local.mk
include %D%/judge/local.mk
include %D%/braintrust/local.mk
include %D%/openai/local.mk
include %D%/huggingface/local.mk
include %D%/ifeval/local.mk
