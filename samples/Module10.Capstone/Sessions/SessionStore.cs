using System.Security.Cryptography;

namespace Module10.Sessions;

/// <summary>All visitors, by the random number in their cookies.</summary>
internal sealed class SessionStore(TimeProvider time) : IDisposable
{
    /// <summary>Visitors that are remembered; the one that has been away longest makes room.</summary>
    public const int Most = 100;

    private static readonly TimeSpan _longestAbsence = TimeSpan.FromHours(2);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Session> _sessions = new(StringComparer.Ordinal);

    /// <summary>Finds the visitor of an identifier, or begins a session where it is not known. <see cref="Leave"/> ends it.</summary>
    public Session Enter(string? id)
    {
        List<Session> dropped;
        Session session;
        lock (_lock)
        {
            if (id is null || !_sessions.TryGetValue(id, out session!))
            {
                // Never an identifier that a caller made up.
                session = new Session(Convert.ToHexString(RandomNumberGenerator.GetBytes(16)));
                _sessions.Add(session.Id, session);
            }

            session.LastSeen = time.GetUtcNow();
            session.Requests++;
            dropped = Drop();
        }

        foreach (Session old in dropped)
            old.Dispose();
        return session;
    }

    /// <summary>Ends a request of a visitor.</summary>
    public void Leave(Session session)
    {
        lock (_lock)
            session.Requests--;
    }

    public void Dispose()
    {
        foreach (Session session in _sessions.Values)
            session.Dispose();
    }

    // Nobody is dropped while a request is served.
    private List<Session> Drop()
    {
        DateTimeOffset limit = time.GetUtcNow() - _longestAbsence;
        Session[] absent = [.. _sessions.Values.Where(session => session.Requests == 0).OrderBy(session => session.LastSeen)];
        List<Session> dropped = [.. absent.Where((session, i) => session.LastSeen < limit || i < _sessions.Count - Most)];
        foreach (Session session in dropped)
            _sessions.Remove(session.Id);
        return dropped;
    }
}
