/* SPDX-License-Identifier: MIT */
/* What our tables are known by. */
#ifndef NFT_TABLE_H
#define NFT_TABLE_H

#include "nft/nft.h"

#define NFT_TABLE_MARK "tapnet: " /* a table whose comment starts so is ours */
#define NFT_TABLE_COMMENT NFT_TABLE_MARK "made, and replaced as a whole when it was changed"

#endif
