#include "bindings.hpp"

#include "log.hpp"

#include "llama.h"

PYBIND11_MODULE(_core, module) {
    module.doc() = "Native core of pysteer: llama.cpp models and sessions, activation capture, steering, scoring.";
    module.attr("LLAMA_CPP_PYTHON") = PYSTEER_LLAMA_CPP_PYTHON; // built against
    module.attr("LLAMA_CPP_COMMIT") = PYSTEER_LLAMA_COMMIT;

    // LLAMA_CPP_LIB_PATH, or a library put in the place of llama-cpp-python's own, can bring in another llama.cpp.
    if (const std::string found = llama_version(); found != PYSTEER_LLAMA_VERSION) {
        throw pybind11::import_error("it was compiled against llama.cpp " PYSTEER_LLAMA_VERSION ", and llama.cpp " +
                                     found + " is in this process");
    }

    llama_backend_init();
    pysteer::install_log();
    // At exit, Python callbacks must not be called any more.
    pybind11::module_::import("atexit").attr("register")(pybind11::cpp_function([] { pysteer::detach_log(); }));
    module.def("set_verbose", &pysteer::set_verbose, "Forward llama.cpp's log lines of pysteer's own calls.");
    module.def(
        "llama_version", [] { return std::string(llama_version()); },
        "Version of the llama.cpp library in this process.");

    pysteer::bind_errors(module);
    pysteer::bind_model(module);
    pysteer::bind_edit(module);
    pysteer::bind_session(module);
    pysteer::bind_testing(module);
}
