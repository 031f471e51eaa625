using Module10.Http;
using Module10.Jobs;
using Module10.Sessions;

namespace Module10.Tests;

public sealed class JobQueueTests : IDisposable
{
    private readonly JobQueue _queue = new();
    private readonly Session _anna = new("anna"), _ben = new("ben"), _cleo = new("cleo");

    [Fact]
    public async Task Visitors_take_turns_whoever_asked_more_often()
    {
        IDisposable running = await Enter(_anna);
        List<string> order = [];
        Task[] waiting =
        [
            Next(_anna, "anna 2"), Next(_anna, "anna 3"), Next(_ben, "ben 1"), Next(_ben, "ben 2"), Next(_cleo, "cleo 1"),
        ];
        running.Dispose();
        await Task.WhenAll(waiting);
        Assert.Equal(["ben 1", "cleo 1", "anna 2", "ben 2", "anna 3"], order);

        async Task Next(Session session, string name)
        {
            using (await Enter(session))
                order.Add(name);
        }
    }

    [Fact]
    public async Task A_visitor_has_one_piece_of_work_at_a_time_and_another_may_generate_beside_a_training()
    {
        IDisposable training = await Enter(_anna, JobKind.Training);
        Task<IDisposable> own = Enter(_anna), others = Enter(_ben);
        (await others).Dispose();
        Assert.False(own.IsCompleted);
        training.Dispose();
        (await own).Dispose();
    }

    [Fact]
    public async Task Who_waits_hears_how_many_come_before()
    {
        IDisposable running = await Enter(_anna);
        List<int> heard = [];
        Task<IDisposable> ben = Enter(_ben);
        Task<IDisposable> cleo = _queue.EnterAsync(_cleo, JobKind.Generation, heard.Add, CancellationToken.None);
        running.Dispose();
        (await ben).Dispose();
        (await cleo).Dispose();
        Assert.Equal([2, 1], heard);
    }

    [Fact]
    public async Task Who_leaves_makes_room()
    {
        IDisposable running = await Enter(_anna);
        using var left = new CancellationTokenSource();
        Task<IDisposable> ben = _queue.EnterAsync(_ben, JobKind.Generation, null, left.Token);
        Task<IDisposable> cleo = Enter(_cleo);
        await left.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ben);
        running.Dispose();
        (await cleo).Dispose();
    }

    [Fact]
    public async Task Nobody_fills_the_queue()
    {
        using IDisposable running = await Enter(_anna);
        Task<IDisposable>[] waiting = [.. Enumerable.Range(0, JobQueue.MostOfOne).Select(_ => Enter(_anna))];
        VisitorException error = await Assert.ThrowsAsync<VisitorException>(() => Enter(_anna));
        Assert.Equal(429, error.Status);
        Assert.All(waiting, task => Assert.False(task.IsCompleted));
    }

    public void Dispose()
    {
        _anna.Dispose();
        _ben.Dispose();
        _cleo.Dispose();
    }

    private Task<IDisposable> Enter(Session session, JobKind kind = JobKind.Generation) =>
        _queue.EnterAsync(session, kind, null, CancellationToken.None);
}
