// A server for containers: models and options come from the configuration, that is from appsettings.json and the environment.
//   Models__stories=/models/stories.zip  Server__ApiKeys__0=secret  Server__DrainTimeout=00:00:45
WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
IConfigurationSection[] models = [.. builder.Configuration.GetSection("Models").GetChildren()];
if (models.Length == 0)
{
    Console.Error.WriteLine("No model is configured: set Models__NAME to a file, a folder or hf:organization/name.");
    return 1;
}

foreach (IConfigurationSection model in models)
    builder.Services.AddGenerativeModel(model.Key, model.Value!);
builder.Services.AddGenerativeServer(options => builder.Configuration.GetSection("Server").Bind(options));
WebApplication app = builder.Build();
app.MapOpenAI();
app.Run();
return 0;
