using System.CommandLine;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;
using Module10;

Option<bool> quick = new("--quick") { Description = "Much shorter trainings, for a first look." };
Option<string> models = new("--models")
{
    Description = "The folder in which trained models are kept.",
    DefaultValueFactory = _ => Path.Combine("output", "capstone"),
    HelpName = "folder",
};
Option<string> urls = new("--urls")
{
    Description = "Where to listen. Only requests for this machine's own names are answered unless --any-host is given.",
    DefaultValueFactory = _ => "http://localhost:5010",
};
Option<bool> anyHost = new("--any-host")
{
    Description = "Answers requests for any host name, such as those of a phone in the same network.",
};

RootCommand command = new("Rooms of generative models, which are trained at the first start, as a web page.")
{
    quick, models, urls, anyHost,
};
command.SetAction(async (parsed, cancellation) =>
{
    var options = new CapstoneOptions
    {
        ModelFolder = Path.GetFullPath(parsed.GetValue(models)!),
        IsQuick = parsed.GetValue(quick),
        Urls = parsed.GetValue(urls)!,
        AnswersAnyHost = parsed.GetValue(anyHost),
    };
    try
    {
        Directory.CreateDirectory(options.ModelFolder);
        await using WebApplication application = CapstoneApplication.Build(options);
        await application.StartAsync(cancellation);
        Console.WriteLine($"Open {string.Join(" or ", application.Urls)}. Models are kept in {options.ModelFolder}. Ctrl+C ends.");
        await application.WaitForShutdownAsync(cancellation);
        return 0;
    }
    catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException)
    {
        Console.Error.WriteLine(e.Message);
        return 1;
    }
});
return await command.Parse(args).InvokeAsync();
