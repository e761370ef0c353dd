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

# What the hardening is, where compiler and machine know it; tests/hardening looks at the binary.
if(PULLTHROUGH_HARDEN)
  include(CheckCCompilerFlag)
  include(CheckIPOSupported)
  check_ipo_supported()
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE
                      -D_FORTIFY_SOURCE=3)
  add_link_options(-pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed)

  # Locals begin as zero. Before clang 16 that asks for a second option.
  check_c_compiler_flag(-ftrivial-auto-var-init=zero PULLTHROUGH_HAS_ZERO_INIT)
  if(PULLTHROUGH_HAS_ZERO_INIT)
    add_compile_options(-ftrivial-auto-var-init=zero)
  elseif(CMAKE_C_COMPILER_ID STREQUAL "Clang")
    add_compile_options(
      -ftrivial-auto-var-init=zero
      -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang)
  endif()

  # Where an indirect jump may land, and a second stack for returns. Debian's own start files carry
  # no mark, so the linker must be told that the program has what the mark says.
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
    add_compile_options(-fcf-protection=full)
    add_link_options(-Wl,-z,ibt -Wl,-z,shstk)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    add_compile_options(-mbranch-protection=standard)
  endif()
endif()
