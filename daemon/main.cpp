#include "daemon/program.h"

int main(int argc, char** argv) {
  return kdq::run_program(argc, argv);
}
