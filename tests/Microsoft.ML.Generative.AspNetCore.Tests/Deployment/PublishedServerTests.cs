using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.Versioning;
using System.Text;
using System.Text.RegularExpressions;

namespace Microsoft.ML.Generative.AspNetCore.Tests;

/// <summary>The published server of samples/Server, as a container runs it.</summary>
public sealed partial class PublishedServerTests(ServedModels models) : IClassFixture<ServedModels>, IDisposable
{
    private const long MostMemory = 2L << 30;

    private readonly string _folder = Directory.CreateTempSubdirectory("generative-server-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // The user owns nothing but the folder for temporary files, has one processor, and half of the deployment's memory is the heap's.
    [OtherUserFact]
    [SupportedOSPlatform("linux")]
    public async Task It_serves_and_drains_as_a_user_without_rights_in_a_folder_that_it_cannot_write_to()
    {
        string published = Path.Combine(_folder, "app"), temporary = Path.Combine(_folder, "tmp");
        string model = Path.Combine(_folder, "parrot.zip");
        new MLContext().Model.Save(models.Parrot, null, model);
        Directory.CreateDirectory(temporary);
        await PublishAsync(published);
        const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        File.SetUnixFileMode(_folder, Readable);
        File.SetUnixFileMode(temporary, Readable | UnixFileMode.OtherWrite);

        var start = new ProcessStartInfo("/usr/bin/setpriv")
        {
            WorkingDirectory = published,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in (string[])[.. OtherUserFactAttribute.Prefix, Environment.ProcessPath!, "GenerativeServer.dll"])
            start.ArgumentList.Add(argument);
        start.Environment.Clear();
        (string, string)[] variables =
        [
            ("PATH", "/usr/bin:/bin"), ("TMPDIR", temporary), ("DOTNET_EnableDiagnostics", "0"), ("DOTNET_PROCESSOR_COUNT", "1"),
            ("DOTNET_GCHeapHardLimit", (MostMemory / 2).ToString("x", CultureInfo.InvariantCulture)),
            ("ASPNETCORE_URLS", "http://127.0.0.1:0"), ("Logging__LogLevel__Microsoft.Hosting.Lifetime", "Information"),
            ("Logging__Console__FormatterName", "simple"), ("Models__parrot", model), ("Server__ApiKeys__0", "secret"),
            ("Server__MaxOutputTokens", "3"),
        ];
        foreach ((string name, string value) in variables)
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        try
        {
            using var http = new HttpClient { BaseAddress = await AddressAsync(process, errors) };
            _ = process.StandardOutput.ReadToEndAsync();
            await Eventually.HoldsAsync(async () => (await http.GetAsync("/health/ready")).IsSuccessStatusCode, "the model is loaded");
            Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("/v1/models")).StatusCode);
            http.DefaultRequestHeaders.Authorization = new("Bearer", "secret");
            HttpResponseMessage answer = await http.PostAsync("/v1/chat/completions", new StringContent(
                """{"model":"parrot","messages":[{"role":"user","content":"cat?"}]}""", Encoding.UTF8, "application/json"));
            string text = await answer.Content.ReadAsStringAsync();
            Assert.True(text.Contains("\"content\":\"meo\"", StringComparison.Ordinal), text);
            Assert.Contains("\ngenerative_threads 1\n", await http.GetStringAsync("/metrics"));
            string status = await File.ReadAllTextAsync($"/proc/{process.Id}/status");
            Assert.Contains($"Uid:\t{OtherUserFactAttribute.User}\t", status);
            long peak = long.Parse(PeakPattern().Match(status).Groups[1].Value, CultureInfo.InvariantCulture) * 1024;
            Assert.InRange(peak, 1, MostMemory);

            using Process kill = Process.Start("/bin/kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)])!;
            await process.WaitForExitAsync(new CancellationTokenSource(Eventually.Limit).Token);
            Assert.Equal(0, process.ExitCode);
            Assert.Equal("", await errors);
            Assert.Empty(Directory.GetFileSystemEntries(temporary));
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    private static async Task PublishAsync(string folder)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])
            [
                "publish", Path.Combine(RepositoryFolder.Root, "samples/Server/Server.csproj"), "-c", Configuration, "--no-build", "-o",
                folder,
                "-p:CreateHardLinksForPublishFilesIfPossible=true",
            ])
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, output);
        Assert.True(File.Exists(Path.Combine(folder, "GenerativeServer.dll")));
    }

    // The folder above that of the framework.
    private static string Configuration => new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

    private static async Task<Uri> AddressAsync(Process process, Task<string> errors)
    {
        var written = new StringBuilder();
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            written.AppendLine(line);
            if (AddressPattern().Match(line) is { Success: true } match)
                return new Uri(match.Value);
        }

        throw new InvalidOperationException($"The server did not start:\n{written}\n{await errors}");
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+")]
    private static partial Regex AddressPattern();

    [GeneratedRegex(@"VmHWM:\s+(\d+) kB")]
    private static partial Regex PeakPattern();
}
