# tidymail_compiler: the warning set, hardening and sanitizers, for all our targets.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)

add_library(tidymail_compiler INTERFACE)

set(TIDYMAIL_WARNINGS
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wcast-qual -Wcast-align
    -Wwrite-strings -Wundef -Wvla -Walloca -Wformat=2 -Wswitch-enum -Wimplicit-fallthrough
    -Wnull-dereference -Wredundant-decls -Wunused-macros
    # gcc; not -Wduplicated-branches and -Wlogical-op, which object to code that differs on other
    # systems only (EAGAIN and EWOULDBLOCK, the layouts of sockaddr_in and sockaddr_in6)
    -Wformat-signedness -Wduplicated-cond
    # clang
    -Wshorten-64-to-32 -Wcomma -Wconditional-uninitialized -Wunreachable-code-aggressive
    -Wmissing-variable-declarations)

foreach(flag IN LISTS TIDYMAIL_WARNINGS)
  string(MAKE_C_IDENTIFIER "TIDYMAIL_HAVE${flag}" have)
  check_c_compiler_flag(${flag} ${have})
  if(${have})
    target_compile_options(tidymail_compiler INTERFACE ${flag})
  endif()
endforeach()

if(TIDYMAIL_WERROR)
  target_compile_options(tidymail_compiler INTERFACE -Werror)
endif()

if(TIDYMAIL_SANITIZE)
  # -Wnull-dereference sees the sanitizer's own checks as paths (gcc 12) and reports what is not there.
  target_compile_options(tidymail_compiler INTERFACE -fsanitize=${TIDYMAIL_SANITIZE}
                         -fno-sanitize-recover=all -fno-omit-frame-pointer -Wno-null-dereference)
  target_link_options(tidymail_compiler INTERFACE -fsanitize=${TIDYMAIL_SANITIZE})
endif()

if(TIDYMAIL_COVERAGE)
  target_compile_options(tidymail_compiler INTERFACE --coverage)
  target_link_options(tidymail_compiler INTERFACE --coverage)
endif()

if(TIDYMAIL_HARDENING)
  target_compile_options(tidymail_compiler INTERFACE
                         -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
  foreach(option relro now noexecstack)
    check_linker_flag(C "LINKER:-z,${option}" TIDYMAIL_HAVE_Z_${option})
    if(TIDYMAIL_HAVE_Z_${option})
      target_link_options(tidymail_compiler INTERFACE "LINKER:-z,${option}")
    endif()
  endforeach()
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES C)
endif()
