using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Module10.Jobs;
using Module10.Sessions;

namespace Module10.Models;

/// <summary>Loads or trains the models of all rooms, beside the visitors: trainings of theirs come between.</summary>
internal sealed class ModelTrainer(IEnumerable<RoomModel> models, JobQueue queue, ILogger<ModelTrainer> logger) : BackgroundService
{
    private readonly Session _session = new("application");

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The application listens before anything is loaded.
        await Task.Yield();
        RoomModel[] missing = [.. models.Where(model => !Try(model, () => model.TryLoad()))];
        foreach (RoomModel model in missing.Where(model => model.Status.State != ModelState.Failed))
        {
            using (await queue.EnterAsync(_session, JobKind.Training, null, stoppingToken))
            {
                Try(model, () =>
                {
                    model.TrainAndSave(stoppingToken);
                    return true;
                });
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
