# Warnings, sanitizers and hardening, for every target of ours.
add_compile_options(
  -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes
  -fno-common -fvisibility=hidden)
add_compile_definitions(_GNU_SOURCE)
if(PULLTHROUGH_WERROR)
  add_compile_options(-Werror)
endif()

if(PULLTHROUGH_SANITIZE)
  add_compile_options(-fsanitize=${PULLTHROUGH_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${PULLTHROUGH_SANITIZE})
  if(PULLTHROUGH_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

if(PULLTHROUGH_FUZZ)
  # Coverage in every library, the fuzzer's own main only in the targets (tests/fuzz).
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(PULLTHROUGH_COVERAGE)
  # Atomic: tests with threads would otherwise leave counts that gcovr can't read.
  add_compile_options(--coverage -O0 -fprofile-update=atomic)
  add_link_options(--coverage)
endif()

if(PULLTHROUGH_HARDEN)
  include(CheckIPOSupported)
  check_ipo_supported()
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  add_compile_options(-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  add_link_options(-pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
endif()
