using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Module10.Jobs;
using Module10.Sessions;

namespace Module10.Models;

/// <summary>
/// Loads or trains the models of all rooms, two at a time, beside the visitors: trainings of theirs come between.
/// </summary>
internal sealed class ModelTrainer(IEnumerable<RoomModel> models, JobQueue queue, ILogger<ModelTrainer> logger) : BackgroundService
{
    // Half of the processors train nearly as fast as all of them do: these networks are small.
    private readonly (JobKind Kind, Session Session)[] _lanes = Environment.ProcessorCount == 1
        ? [(JobKind.Training, new Session("application"))]
        : [(JobKind.Training, new Session("application")), (JobKind.BesideTraining, new Session("application, beside"))];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The application listens before anything is loaded.
        await Task.Yield();
        RoomModel[] missing = [.. models.Where(model => !Try(model, () => model.TryLoad()))];
        var waiting = new ConcurrentQueue<RoomModel>(missing.Where(model => model.Status.State != ModelState.Failed));
        await Task.WhenAll(_lanes.Select(lane => TrainAsync(waiting, lane.Kind, lane.Session, stoppingToken)));
    }

    private async Task TrainAsync(ConcurrentQueue<RoomModel> waiting, JobKind kind, Session session, CancellationToken stopping)
    {
        while (!waiting.IsEmpty)
        {
            using (await queue.EnterAsync(session, kind, null, stopping))
            {
                if (waiting.TryDequeue(out RoomModel? model))
                {
                    await Task.Run(() => Try(model, () =>
                    {
                        model.TrainAndSave(stopping);
                        return true;
                    }), CancellationToken.None);
                }
            }
        }
    }

    private bool Try(RoomModel model, Func<bool> work)
    {
        try
        {
            return work();
        }
        catch (OperationCanceledException e)
        {
            // The application stops.
            model.Fail(e);
            throw;
        }
        catch (Exception e)
        {
            model.Fail(e);
            logger.LogError(e, "The model of the room {Room} could not be loaded or trained.", model.Name);
            return false;
        }
    }
}
