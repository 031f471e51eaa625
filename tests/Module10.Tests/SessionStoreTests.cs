using Module10.Sessions;

namespace Module10.Tests;

public class SessionStoreTests
{
    private readonly Clock _clock = new();

    [Fact]
    public void An_identifier_that_somebody_made_up_is_nobody_s()
    {
        using var store = new SessionStore(_clock);
        Session session = store.Enter("chosen");
        Assert.NotEqual("chosen", session.Id);
        Assert.Equal(32, session.Id.Length);
        Assert.Same(session, store.Enter(session.Id));
        Assert.NotSame(session, store.Enter(null));
    }

    [Fact]
    public void Who_stays_away_is_forgotten_unless_work_is_done()
    {
        using var store = new SessionStore(_clock);
        Session away = store.Enter(null), busy = store.Enter(null);
        Part part = away.Part<Part>();
        Assert.Same(part, away.Part<Part>());
        Assert.NotSame(part, busy.Part<Part>());
        store.Leave(away);
        _clock.Now += TimeSpan.FromHours(3);
        store.Enter(null);
        Assert.True(part.IsDisposed);
        Assert.False(busy.Part<Part>().IsDisposed);
        Assert.Same(busy, store.Enter(busy.Id));
        Assert.NotSame(away, store.Enter(away.Id));
    }

    [Fact]
    public void The_one_away_longest_makes_room()
    {
        using var store = new SessionStore(_clock);
        List<string> ids = [];
        for (int i = 0; i <= SessionStore.Most; i++)
        {
            _clock.Now += TimeSpan.FromSeconds(1);
            Session session = store.Enter(null);
            ids.Add(session.Id);
            store.Leave(session);
        }

        Assert.Equal(ids[1], store.Enter(ids[1]).Id);
        Assert.NotEqual(ids[0], store.Enter(ids[0]).Id);
    }

    [Fact]
    public async Task A_part_is_made_once_for_requests_that_need_it_at_the_same_time()
    {
        using var session = new Session("visitor");
        using var start = new Barrier(2);
        SlowPart.Made = 0;
        SlowPart[] parts = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Factory.StartNew(() =>
        {
            start.SignalAndWait();
            return session.Part<SlowPart>();
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        Assert.Same(parts[0], parts[1]);
        Assert.Equal(1, SlowPart.Made);
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }

    private sealed class Part : IDisposable
    {
        public bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }

    private sealed class SlowPart : IDisposable
    {
        public SlowPart()
        {
            Interlocked.Increment(ref Made);
            Thread.Sleep(50);
        }

        public static int Made;

        public void Dispose()
        {
        }
    }
}
