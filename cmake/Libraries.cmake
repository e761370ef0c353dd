# The outside libraries, each as one imported target.
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(YYJSON REQUIRED IMPORTED_TARGET yyjson)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.14)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl>=7.87)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(H2O REQUIRED IMPORTED_TARGET libh2o-evloop)
# libh2o-evloop.pc names neither the define that its headers need nor OpenSSL.
target_compile_definitions(PkgConfig::H2O INTERFACE H2O_USE_LIBUV=0)
target_link_libraries(PkgConfig::H2O INTERFACE OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
