/* edge.h: clock, random numbers and environment of the system. Only the client room has them. */
#ifndef TDM_CLIENT_EDGE_H
#define TDM_CLIENT_EDGE_H

#include "transport/transport_impl.h"

extern const struct tdm_clock tdm_clock_system;

/* The file that the environment names for the keys of TLS sessions (SSLKEYLOGFILE), for programs
 * that look into a capture; NULL where it names none, and in a program that runs with rights of
 * somebody else. */
const char *tdm_edge_keylog(void);

#endif
