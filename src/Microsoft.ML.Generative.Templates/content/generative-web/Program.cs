using GenerativeWeb;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);

// Any model file, folder of Hugging Face or .gguf file can stand here.
string path = builder.Configuration["Model"] ?? "writer.zip";
if (!File.Exists(path) && !Directory.Exists(path))
    Writer.Train(path);

builder.Services.AddGenerativeModel("writer", path);
builder.Services.AddGenerativeServer(options => options.MaxOutputTokens = 200);

WebApplication app = builder.Build();
app.UseDefaultFiles();
app.UseStaticFiles();
app.MapOpenAI();   // /v1/completions, /v1/models, /health/ready and others; without keys, only this machine is served
app.Run();
