/*
 * A table. It knows no list of regions: a new region works without a new release.
 */
#include "pullthrough/core/image/aws_partition.h"

static const struct aws_partition partitions[] = {
    {"aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn",
     "on.amazonwebservices.com.cn", true},
    {"aws-us-gov", "us-gov-", "amazonaws.com", "api.aws", "on.aws", true},
    {"aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu", "on.amazonwebservices.eu",
     false},
    {"aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov", NULL, false},
    {"aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud", NULL, false},
    {"aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", NULL, false},
    {"aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov", NULL, false},
    {"aws", "", "amazonaws.com", "api.aws", "on.aws", false}, /* last: it matches every region */
};

const struct aws_partition *aws_partition_of(struct slice region)
{
    const struct aws_partition *partition = partitions;

    while (!slice_starts_with(region, slice_str(partition->region_start)))
        partition++;
    return partition;
}

const struct aws_partition *aws_partition_at(size_t i)
{
    return i < sizeof(partitions) / sizeof(partitions[0]) ? &partitions[i] : NULL;
}

bool aws_is_arn(struct slice text)
{
    return slice_starts_with(text, slice_str("arn:"));
}
