#include "daemon/web/web_program.h"

int main(int argc, char** argv) {
  return kdq::web::run_web_program(argc, argv);
}
