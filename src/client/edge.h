/* edge.h: the clock and the random numbers of the system. Only the client room has them. */
#ifndef TDM_CLIENT_EDGE_H
#define TDM_CLIENT_EDGE_H

#include "transport/transport_impl.h"

extern const struct tdm_clock tdm_clock_system;

#endif
