using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// A web server on this machine whose answers the test writes byte by byte, so that it can break off or lie as it likes.
/// </summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _serving;

    /// <param name="answer">Given each request, its number from 0 and the connection to write to; afterwards the connection closes.</param>
    public ScriptedServer(Func<Request, int, Stream, Task> answer)
    {
        _listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/files/");
        _serving = ServeAsync(answer);
    }

    public Uri Address { get; }

    public List<Request> Requests { get; } = [];

    public static ScriptedServer Of(Func<string, byte[]> files) =>
        new((request, _, connection) => SendAsync(connection, request, files(request.Name)));

    /// <summary>Answers as an honest server does, ranges included, and stops after so many bytes of the body.</summary>
    public static async Task SendAsync(Stream connection, Request request, byte[] file, int stopAfter = int.MaxValue)
    {
        var head = request.From > 0
            ? $"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {request.From}-{file.Length - 1}/{file.Length}\r\n"
            : "HTTP/1.1 200 OK\r\n";
        var body = file.AsMemory(request.From);
        await WriteAsync(connection, $"{head}Content-Length: {body.Length}\r\n\r\n");
        await connection.WriteAsync(body[..Math.Min(stopAfter, body.Length)]);
    }

    public static async Task WriteAsync(Stream connection, string text) => await connection.WriteAsync(Encoding.ASCII.GetBytes(text));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        // It may be about to listen, which a stopped listener refuses.
        await _serving;
        _listener.Stop();
        _stop.Dispose();
        _listener.Dispose();
    }

    private async Task ServeAsync(Func<Request, int, Stream, Task> answer)
    {
        try
        {
            while (true)
            {
                using var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                await using var stream = client.GetStream();
                using StreamReader reader = new(stream, Encoding.ASCII, leaveOpen: true);
                if (await reader.ReadLineAsync(_stop.Token) is not { } line)
                    continue;
                var from = 0;
                string? authorization = null;
                while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } header)
                {
                    if (header.StartsWith("Range: bytes=", StringComparison.OrdinalIgnoreCase))
                        from = int.Parse(header["Range: bytes=".Length..].TrimEnd('-'), System.Globalization.CultureInfo.InvariantCulture);
                    if (header.StartsWith("Authorization: ", StringComparison.OrdinalIgnoreCase))
                        authorization = header["Authorization: ".Length..];
                }
                Request request = new(line.Split(' ')[1].Split('/')[^1], from) { Path = line.Split(' ')[1], Authorization = authorization };
                Requests.Add(request);
                try
                {
                    await answer(request, Requests.Count - 1, stream).WaitAsync(_stop.Token);
                }
                catch (IOException)
                {
                    // The client hung up, as it may.
                }
            }
        }
        catch (Exception end) when (end is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    internal sealed record Request(string Name, int From)
    {
        public string Path { get; init; } = "";

        public string? Authorization { get; init; }
    }
}
