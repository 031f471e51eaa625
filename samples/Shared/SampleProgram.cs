using System.CommandLine;

namespace Samples.Shared;

/// <summary>What the programs of all samples do: read the command line, run, list the files, turn errors into messages.</summary>
public static class SampleProgram
{
    /// <summary>Runs a sample.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="description">What the sample does, in one sentence.</param>
    /// <param name="dataNames">The values of <c>--data</c>; the first is the default.</param>
    /// <param name="dataHelp">What they mean.</param>
    /// <param name="run">The sample.</param>
    /// <param name="options">Options that only this sample has.</param>
    /// <returns>The exit code.</returns>
    public static Task<int> RunAsync(
        string[] args, string description, string[] dataNames, string dataHelp, Action<SampleArguments> run, params Option[] options)
    {
        Option<string> data = new("--data") { Description = dataHelp, DefaultValueFactory = _ => dataNames[0] };
        data.AcceptOnlyFromAmong(dataNames);
        Option<bool> quick = new("--quick") { Description = "Less data, smaller networks, shorter trainings." };
        Option<string?> output = new("--output", "-o")
        {
            Description = "The folder for the files that the sample writes (default: output in the working directory).",
            HelpName = "folder",
        };

        RootCommand command = new(description) { data, quick, output };
        foreach (Option option in options)
            command.Add(option);
        command.SetAction((parsed, cancellation) => Task.Run(() =>
        {
            try
            {
                var files = new SampleOutput(parsed.GetValue(output));
                run(new SampleArguments(parsed.GetValue(data)!, parsed.GetValue(quick), files, cancellation) { Parsed = parsed });
                Console.WriteLine();
                if (parsed.GetValue(quick))
                {
                    Console.WriteLine(
                        "This was a run with --quick: less data, smaller networks and shorter trainings. "
                        + "The lesson's text and numbers are those of the full run, and need not be true of this one.");
                }

                files.PrintFiles();
                return 0;
            }
            catch (Exception e) when (e is IOException or InvalidDataException or InvalidOperationException or NotSupportedException
                or OperationCanceledException)
            {
                Console.Error.WriteLine(e.Message);
                return 1;
            }
        }));
        return command.Parse(args).InvokeAsync();
    }
}
