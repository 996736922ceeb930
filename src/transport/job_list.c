/* job_list.c: lists of jobs, see transport_impl.h. */
#include "transport/transport_impl.h"

void tdm_job_append(struct tdm_job_list *list, struct tdm_job *job)
{
    job->next = NULL;
    if (list->first == NULL) {
        list->first = job;
    } else {
        list->last->next = job;
    }
    list->last = job;
    list->count++;
}

void tdm_job_prepend(struct tdm_job_list *list, struct tdm_job *job)
{
    job->next = list->first;
    list->first = job;
    if (list->last == NULL) {
        list->last = job;
    }
    list->count++;
}

struct tdm_job *tdm_job_take(struct tdm_job_list *list)
{
    struct tdm_job *job = list->first;
    if (job != NULL) {
        list->first = job->next;
        list->count--;
        if (list->first == NULL) {
            list->last = NULL;
        }
        job->next = NULL;
    }
    return job;
}
