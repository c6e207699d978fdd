import { lazy, Suspense } from "react";
import { Redirect, Route, Switch, useParams } from "wouter";
import { Loading } from "@/ui/states";
import { NotFound } from "./NotFound";
import { Shell } from "./Shell";

const ProjectsPage = lazy(() => import("@/rooms/tracking/ProjectsPage"));
const ProjectPage = lazy(() => import("@/rooms/tracking/ProjectPage"));
const RunPage = lazy(() => import("@/rooms/tracking/RunPage"));
const ViewPage = lazy(() => import("@/rooms/tracking/ViewPage"));
const ComparePage = lazy(() => import("@/rooms/tracking/ComparePage"));
const ExperimentPage = lazy(() => import("@/rooms/tracking/ExperimentPage"));
const ReviewsPage = lazy(() => import("@/rooms/review/ReviewsPage"));
const ReviewPage = lazy(() => import("@/rooms/review/ReviewPage"));
const ReproductionsPage = lazy(() => import("@/rooms/repro/ReproductionsPage"));
const ReproductionPage = lazy(() => import("@/rooms/repro/ReproductionPage"));
const WhyPage = lazy(() => import("@/rooms/repro/WhyPage"));
const KnowledgePage = lazy(() => import("@/rooms/knowledge/KnowledgePage"));
const LibrariesPage = lazy(() => import("@/rooms/knowledge/libraries/LibrariesPage"));
const LibraryPage = lazy(() => import("@/rooms/knowledge/libraries/LibraryPage"));
const StandardsPage = lazy(() => import("@/rooms/standards/StandardsPage"));
const KnowledgeArticle = lazy(() => import("@/rooms/knowledge/ArticlePage"));
const InboxPage = lazy(() => import("@/rooms/coordination/InboxPage"));
const QueuePage = lazy(() => import("@/rooms/coordination/QueuePage"));
const ModelsPage = lazy(() => import("@/rooms/registry/ModelsPage"));
const ModelPage = lazy(() => import("@/rooms/registry/ModelPage"));
const VersionPage = lazy(() => import("@/rooms/registry/VersionPage"));
const DatasetPage = lazy(() => import("@/rooms/registry/data/DatasetPage"));
const InsightsPage = lazy(() => import("@/rooms/insights/InsightsPage"));
const ReportsPage = lazy(() => import("@/rooms/insights/ReportsPage"));
const ReportPage = lazy(() => import("@/rooms/insights/ReportPage").then((page) => ({ default: page.ReportPage })));
const NewReportPage = lazy(() => import("@/rooms/insights/ReportPage").then((page) => ({ default: page.NewReportPage })));
const AdminPage = lazy(() => import("@/rooms/governance/AdminPage"));
const AccountPage = lazy(() => import("@/rooms/governance/AccountPage"));
const LoginPage = lazy(() => import("@/rooms/governance/LoginPage"));
const SignInPage = lazy(() => import("@/rooms/governance/SignInPage"));
const EnterPage = lazy(() => import("@/rooms/governance/EnterPage"));
const WelcomePage = lazy(() => import("@/rooms/governance/WelcomePage"));
const LegendPage = lazy(() => import("./LegendPage"));

function Project() {
  const params = useParams();
  return <ProjectPage key={params["*"]} path={params["*"] ?? ""} />;
}

/** Every address of the app. A page is loaded when it is first opened. */
export function Routes() {
  return (
    <Suspense fallback={<Loading />}>
      <Switch>
        <Route path="/sign-in"><SignInPage /></Route>
        <Route path="/enter"><EnterPage /></Route>
        <Route path="/welcome"><WelcomePage /></Route>
        <Route>
          <Shell>
            <Suspense fallback={<Loading rows={10} />}>
              <Switch>
                <Route path="/"><Redirect to="/projects" replace /></Route>
                <Route path="/inbox"><InboxPage /></Route>
                <Route path="/projects"><ProjectsPage /></Route>
                <Route path="/projects/*"><Project /></Route>
                <Route path="/runs/:id/:tab?">{(p) => <RunPage key={p.id} id={p.id} tab={p.tab ?? "summary"} />}</Route>
                <Route path="/experiments/:id">{(p) => <ExperimentPage id={p.id} />}</Route>
                <Route path="/views/:id">{(p) => <ViewPage id={p.id} />}</Route>
                <Route path="/compare"><ComparePage /></Route>
                <Route path="/reviews"><ReviewsPage /></Route>
                <Route path="/reviews/:id">{(p) => <ReviewPage key={p.id} id={p.id} />}</Route>
                <Route path="/reproductions"><ReproductionsPage /></Route>
                <Route path="/reproductions/:id">{(p) => <ReproductionPage id={p.id} />}</Route>
                <Route path="/why/:id">{(p) => <WhyPage key={p.id} id={p.id} />}</Route>
                <Route path="/models"><ModelsPage /></Route>
                <Route path="/models/:name/:version">{(p) => <VersionPage key={`${p.name} ${p.version}`} name={p.name} version={p.version} />}</Route>
                <Route path="/models/:name">{(p) => <ModelPage key={p.name} name={p.name} />}</Route>
                <Route path="/data/:dataset/:tab?">{(p) => <DatasetPage key={p.dataset} reference={p.dataset} tab={p.tab ?? "history"} />}</Route>
                <Route path="/knowledge"><KnowledgePage /></Route>
                <Route path="/libraries"><LibrariesPage /></Route>
                <Route path="/libraries/*">{(p) => <LibraryPage key={p["*"]} name={p["*"] ?? ""} />}</Route>
                <Route path="/standards/*">{(p) => <StandardsPage key={p["*"]} path={p["*"] ?? ""} />}</Route>
                <Route path="/knowledge/:id">{(p) => <KnowledgeArticle id={p.id} />}</Route>
                <Route path="/queue"><QueuePage /></Route>
                <Route path="/insights"><InsightsPage /></Route>
                <Route path="/reports"><ReportsPage /></Route>
                <Route path="/reports/new"><NewReportPage /></Route>
                <Route path="/reports/:id">{(p) => <ReportPage key={p.id} id={p.id} />}</Route>
                <Route path="/admin/:tab?">{(p) => <AdminPage tab={p.tab ?? "members"} />}</Route>
                <Route path="/account"><AccountPage /></Route>
                <Route path="/login"><LoginPage /></Route>
                <Route path="/legend"><LegendPage /></Route>
                <Route><NotFound /></Route>
              </Switch>
            </Suspense>
          </Shell>
        </Route>
      </Switch>
    </Suspense>
  );
}
