# The commit that `pullthrough version` prints: given, or asked of git once at configure time.
if(NOT PULLTHROUGH_COMMIT)
  execute_process(
    COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse --short=12 HEAD
    OUTPUT_VARIABLE PULLTHROUGH_COMMIT_FOUND OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
    RESULT_VARIABLE PULLTHROUGH_GIT_RESULT)
  if(NOT PULLTHROUGH_GIT_RESULT EQUAL 0)
    set(PULLTHROUGH_COMMIT_FOUND "unknown")
  endif()
else()
  set(PULLTHROUGH_COMMIT_FOUND "${PULLTHROUGH_COMMIT}")
endif()
