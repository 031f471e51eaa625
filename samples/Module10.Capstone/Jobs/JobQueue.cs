using Module10.Http;
using Module10.Sessions;

namespace Module10.Jobs;

/// <summary>
/// Shares the processor between visitors: each has one piece of work running at a time, and of those who wait, the one whose last turn is
/// longest ago comes next.
/// </summary>
internal sealed class JobQueue
{
    /// <summary>Pieces of work of one visitor that may wait.</summary>
    public const int MostOfOne = 3;

    private const int MostOfAll = 50;

    private readonly Lock _lock = new();
    private readonly List<Ticket> _waiting = [];
    private readonly Dictionary<JobKind, Ticket> _running = [];
    private long _turn;

    /// <summary>Waits for a turn, which ends when the result is disposed of.</summary>
    /// <param name="session">Whose work it is.</param>
    /// <param name="kind">The kind of work.</param>
    /// <param name="waiting">Called with the number of pieces of work that come before this one, when it changes.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <exception cref="VisitorException">Too much work is waiting.</exception>
    public async Task<IDisposable> EnterAsync(Session session, JobKind kind, Action<int>? waiting, CancellationToken cancellation)
    {
        var ticket = new Ticket(this, session, kind, waiting);
        lock (_lock)
        {
            if (_waiting.Count(other => other.Session == session) >= MostOfOne)
                throw new VisitorException(429, $"{MostOfOne} requests of yours are waiting already. Let one end first.");
            if (_waiting.Count >= MostOfAll)
                throw new VisitorException(429, "Too many visitors are waiting. Try again in a minute.");
            _waiting.Add(ticket);
            Advance();
        }

        await using CancellationTokenRegistration registration = cancellation.Register(() => Leave(ticket, cancellation));
        await ticket.Turn.Task;
        return ticket;
    }

    private void Leave(Ticket ticket, CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (!_waiting.Remove(ticket))
                return;
            ticket.Turn.TrySetCanceled(cancellation);
            Advance();
        }
    }

    private void End(Ticket ticket)
    {
        lock (_lock)
        {
            if (!_running.TryGetValue(ticket.Kind, out Ticket? running) || running != ticket)
                return;
            _running.Remove(ticket.Kind);
            ticket.Session.IsWorking = false;
            Advance();
        }
    }

    private void Advance()
    {
        foreach (JobKind kind in Enum.GetValues<JobKind>())
        {
            Ticket[] order = [.. _waiting.Where(ticket => ticket.Kind == kind).OrderBy(ticket => ticket.Session.LastTurn)];
            if (!_running.ContainsKey(kind) && order.FirstOrDefault(ticket => !ticket.Session.IsWorking) is { } next)
            {
                _waiting.Remove(next);
                _running.Add(kind, next);
                next.Session.IsWorking = true;
                next.Session.LastTurn = ++_turn;
                next.Turn.SetResult();
                order = [.. order.Where(ticket => ticket != next)];
            }

            foreach ((int ahead, Ticket ticket) in order.Index())
                ticket.Tell(ahead + (_running.ContainsKey(kind) ? 1 : 0));
        }
    }

    private sealed class Ticket(JobQueue queue, Session session, JobKind kind, Action<int>? waiting) : IDisposable
    {
        private int _told = -1;

        public Session Session => session;

        public JobKind Kind => kind;

        public TaskCompletionSource Turn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Tell(int ahead)
        {
            if (ahead == _told)
                return;
            _told = ahead;
            waiting?.Invoke(ahead);
        }

        public void Dispose() => queue.End(this);
    }
}
